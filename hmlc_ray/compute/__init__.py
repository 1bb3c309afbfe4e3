"""What torch computes on and with: devices, process groups, torchvision."""
