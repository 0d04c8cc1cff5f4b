"""Where the supervised tasks come from: image sets, sinusoids and the episodes drawn from them."""
