"""Sessions on disk: manifest, journal, processing into tables, salvage and verification. No Qt."""
