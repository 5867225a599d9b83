"""A google.colab for runs beside Colab: enough of it for notebooks to take the place for Colab."""
