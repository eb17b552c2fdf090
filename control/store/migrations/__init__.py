"""The steps from nothing to the tables of this version, in the order in which releases took them."""
