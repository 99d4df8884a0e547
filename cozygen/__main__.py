"""`python -m cozygen` is `cozygen`."""

from cozygen.cli import main

if __name__ == "__main__":
    main()
