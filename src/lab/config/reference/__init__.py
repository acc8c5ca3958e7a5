"""What each key means: as help on the terminal and as a page of the site."""
