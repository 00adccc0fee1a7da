"""What is done with a dataset before it is used: looked at, checked, converted, faces left out."""
