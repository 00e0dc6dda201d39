"""One topology a file: a function of that name that turns parameters into a `Topology`."""
