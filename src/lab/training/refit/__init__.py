"""The second fit of `data.split.refit`: after the first has chosen an epoch on validation, train again on all rows."""
