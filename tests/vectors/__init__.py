"""What others published or issue: the RFCs' own examples, and tokens shaped like the providers'."""
