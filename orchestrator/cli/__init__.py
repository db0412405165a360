"""One file per command: parse options, call one workflow, hand its result to report/."""
