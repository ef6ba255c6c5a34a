// ApusPlacement
