"""Laws of losses, named by the mathematics; shared by the tests of all layers."""
