"""From blocks to HTML: it knows neither studies nor runs."""
