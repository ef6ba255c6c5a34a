// ApusSimulation
