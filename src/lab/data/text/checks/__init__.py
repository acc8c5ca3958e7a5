"""What only the rows can show: leaks between splits, labels in the text, shortcuts, classes in several spellings."""
