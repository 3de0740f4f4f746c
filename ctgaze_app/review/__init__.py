"""What is shown and measured of recorded sessions, as plain functions of tables. No Qt."""
