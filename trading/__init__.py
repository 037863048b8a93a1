"""Markets, orders, fills and positions."""
