"""The demo world: made-up patients, their conversations and notes, simulated experts, and recipes.

Pure Python. Nobody in it exists; nothing in it is medical advice.
"""
