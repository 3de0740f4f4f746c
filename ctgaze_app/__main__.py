"""`python -m ctgaze_app` is `ctgaze`."""

from ctgaze_app.cli import main

if __name__ == "__main__":
    main()
