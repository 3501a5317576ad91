"""What is measured, side by side with its peers. Nobody imports this."""
