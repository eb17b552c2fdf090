"""A policy on its way: the canary's verdict, and what there is to be told of it all.

``judge``   promote, abort or wait: a pure function over what sidecars said
``watch``   gathers what it takes, asks the judge, does what he says
``events``  the last events in memory, and those who follow them
``news``    what becomes an event: versions, the freeze, who came and went, how far a version is
"""
