"""One traffic pattern a file: a function of that name that draws the flows of an episode."""
