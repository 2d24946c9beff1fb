"""What the faces of torch and tensorboardX share."""
