"""Each figure that README.md and docs/ quote, as a command: `make bench`."""
