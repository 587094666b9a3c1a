"""What eval.predict is asked for, and the stages that answer."""
