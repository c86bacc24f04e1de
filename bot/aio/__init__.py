"""Small asynchronous mechanisms that know nothing of stories: clock, rate limit, cancellation, locks."""
