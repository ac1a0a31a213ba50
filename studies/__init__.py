"""Studies: each has its code, the data of its runs, and a page with the results."""
