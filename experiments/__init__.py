"""What the authors measured: each experiment trains, and stores its figures with what made them."""
