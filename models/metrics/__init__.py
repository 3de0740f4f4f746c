"""How alike two scan paths or two maps of attention are, with the floors and ceilings that give a score its meaning."""
