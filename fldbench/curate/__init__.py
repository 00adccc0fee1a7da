"""Work on a dataset before it is used: look at it, check it, convert it, leave faces out."""
