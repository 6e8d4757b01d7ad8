"""The small start set: golden examples, quality, relevance, choice and the reason for each sample."""
