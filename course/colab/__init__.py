"""The edition of the chapters that Colab opens, and a run of it as in Colab."""
