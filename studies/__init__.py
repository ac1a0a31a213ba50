"""What was found out: each study with its code, the data of its runs and its page."""
