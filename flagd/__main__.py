"""`python -m flagd` is the command `flagd`."""

from flagd.cli import main

if __name__ == "__main__":
    main()
