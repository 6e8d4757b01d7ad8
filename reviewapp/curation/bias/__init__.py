"""Who the samples are about, what is said of whom, and what can be done about it. Pure: numpy and scipy only."""
