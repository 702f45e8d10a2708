"""`weighbridge learn label`: prompts in; what both pools made of each, graded, out.

In the order of a run: `intake` reads and checks the prompts, `plan` says what they may cost,
`desk` buys answers from `pools` and lets `journal` keep them, `graders` score them, and `run`
holds it together.
"""
