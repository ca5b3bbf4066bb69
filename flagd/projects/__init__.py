"""Projects and their environments: the places in which flags, segments and keys live."""
