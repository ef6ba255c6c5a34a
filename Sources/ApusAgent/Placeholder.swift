// ApusAgent
