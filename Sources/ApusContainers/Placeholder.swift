// ApusContainers
