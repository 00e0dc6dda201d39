"""The guest: a Linux kernel as an ordinary process, whose clock moves only when everything in it sleeps."""
