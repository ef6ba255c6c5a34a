extension Plan {
    /// So many plans: the fixed seeds, and after them those that come next from 1 on.
    package static func fixed(_ count: Int) -> [Plan] {
        let known = Set(fixedSeeds)
        let more = (1...).lazy.map { UInt64($0) }.filter { !known.contains($0) }
        return (fixedSeeds.prefix(count) + more.prefix(max(0, count - fixedSeeds.count))).map { Plan(seed: $0) }
    }

    /// Chosen so that together they meet every cell of the table of hits often, the rarest first:
    /// `scripts/sim --seeds 700 --choose 200`.
    package static let fixedSeeds: [UInt64] = [
        124, 528, 501, 284, 533, 40, 656, 516, 29, 206, 213, 130, 587, 204, 191, 137, 182, 332, 81, 173,
        560, 473, 521, 325, 420, 126, 428, 684, 41, 290, 626, 438, 24, 111, 475, 133, 536, 275, 685, 62,
        485, 79, 373, 31, 669, 328, 281, 452, 71, 315, 635, 469, 585, 616, 54, 557, 398, 483, 462, 80, 261,
        646, 69, 103, 138, 301, 77, 35, 151, 257, 100, 207, 654, 53, 574, 147, 448, 650, 155, 444, 419, 122,
        427, 640, 264, 421, 405, 323, 466, 184, 338, 495, 486, 201, 449, 382, 30, 259, 551, 385, 687, 497,
        307, 364, 576, 494, 240, 453, 44, 436, 546, 63, 94, 686, 229, 1, 21, 682, 437, 153, 117, 65, 586,
        329, 596, 513, 267, 66, 484, 681, 652, 188, 432, 561, 92, 647, 159, 477, 417, 575, 89, 236, 51, 306,
        214, 390, 692, 377, 303, 491, 250, 608, 270, 361, 48, 615, 431, 227, 320, 674, 154, 415, 376, 232,
        285, 698, 429, 435, 237, 239, 148, 552, 215, 668, 582, 670, 474, 611, 368, 573, 170, 535, 304, 489,
        661, 532, 179, 655, 572, 430, 356, 613, 509, 526, 541, 416, 96, 653, 479, 350,
    ]

    /// Seeds that found a defect, each with what it was.
    ///
    /// As the world grows a seed comes to mean another run; the tests
    /// of engine and agent hold the defects themselves.
    package static let regressions: [(seed: UInt64, what: String)] = [
        (11, "STOP_INSTANCES of a local service started others before it was allowed to stop any"),
        (27, "an executor that joined again after its retirement refused all commands as stale"),
        (33, "what a local service had too many of was stopped before a restored state was confirmed"),
        (40, "STOP_INSTANCES of a local service started others before it was allowed to stop any"),
        (92, "of two that were too many only one was stopped, since it was to move"),
        (156, "a container found after a crash was not recorded, and lost its ports when it was made again"),
        (176, "instances on a silent executor counted as replacements, and were then stopped as surplus"),
        (350, "a restored state was confirmed, and local services were not looked at"),
        (620, "a report that came late brought back an instance of an application that was created again"),
    ]
}
