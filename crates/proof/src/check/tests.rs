//! Small histories by hand.
