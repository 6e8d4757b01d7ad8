from __future__ import annotations

import hypothesis

# A busy machine may take its time over one example; what counts is the answer.
hypothesis.settings.register_profile("unhurried", deadline=None)
hypothesis.settings.load_profile("unhurried")
