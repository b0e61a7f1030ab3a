"""What can be measured on a run while a page waits: guidance, samplers side by side, prediction targets, captions."""
