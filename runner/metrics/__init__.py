"""What is measured of pictures, and what differences between figures are worth."""
