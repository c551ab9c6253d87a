"""What the import hook of conftest.py checks every annotation of n2v with: beartype, an int being a float too."""

from beartype import BeartypeConf, beartype

checked = beartype(conf=BeartypeConf(is_pep484_tower=True))
