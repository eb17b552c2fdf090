"""Known attacks, one test or one table row each."""
