extension Plan {
    /// So many plans: the fixed seeds, and after them those that come next from 1 on.
    package static func fixed(_ count: Int) -> [Plan] {
        let known = Set(fixedSeeds)
        let more = (1...).lazy.map { UInt64($0) }.filter { !known.contains($0) }
        return (fixedSeeds.prefix(count) + more.prefix(max(0, count - fixedSeeds.count))).map { Plan(seed: $0) }
    }

    /// Chosen so that together they meet every cell of the table of hits often, the rarest first:
    /// `scripts/sim --seeds 1000 --choose 200`.
    package static let fixedSeeds: [UInt64] = [
        16, 30, 357, 124, 207, 398, 52, 900, 483, 462, 417, 892, 461, 230, 749, 407, 6, 90, 910, 620, 444, 132, 675,
        944, 403, 259, 921, 824, 272, 870, 448, 148, 428, 552, 379, 751, 40, 979, 514, 174, 348, 345, 188, 422, 231,
        792, 92, 695, 512, 576, 237, 547, 330, 705, 920, 790, 664, 79, 901, 303, 192, 515, 733, 377, 817, 858, 670,
        972, 47, 437, 409, 520, 701, 166, 766, 947, 889, 929, 581, 825, 341, 667, 323, 758, 732, 646, 373, 478, 2,
        669, 768, 798, 95, 803, 261, 420, 789, 91, 429, 578, 899, 769, 897, 778, 828, 861, 541, 842, 435, 173, 937,
        800, 222, 954, 791, 438, 187, 58, 562, 427, 873, 759, 295, 324, 866, 605, 519, 494, 687, 62, 838, 703, 812,
        33, 102, 298, 532, 877, 113, 586, 633, 225, 96, 257, 312, 439, 116, 925, 408, 628, 672, 815, 206, 953, 987,
        248, 200, 560, 726, 832, 734, 383, 88, 668, 460, 971, 843, 184, 252, 477, 632, 436, 767, 197, 242, 548, 340,
        489, 310, 551, 567, 849, 811, 880, 528, 583, 81, 757, 479, 366, 636, 42, 378, 20, 635, 125, 339, 44, 835, 742,
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
        (46, "the end of a task that was told late was forgotten before anybody could see it"),
        (92, "of two that were too many only one was stopped, since it was to move"),
        (156, "a container found after a crash was not recorded, and lost its ports when it was made again"),
        (176, "instances on a silent executor counted as replacements, and were then stopped as surplus"),
        (242, "a rollback brought back a share's count of before"),
        (286, "a replacement that a restore held lent its parallelism to what moved"),
        (294, "of a ROLLOUT that was done as soon as it was asked for, what it moved from was thought to be unsure"),
        (350, "a restored state was confirmed, and local services were not looked at"),
        (620, "a report that came late brought back an instance of an application that was created again"),
        (979, "a ROLLOUT stopped old instances in the turn in which it was taken back"),
        (2472, "room that unknown containers left was not offered to the local service that lacked it"),
        (3588, "a container that belonged to nothing known was not counted for one instance per host"),
        (4461, "a START that was refused, as its record could not be written, was carried out after a crash"),
        (4591, "what a restored state had given up as never started was started by an earlier leader's command"),
        (4618, "a leader that met a greater epoch gave up what it had just sent, and it was started"),
        (5689, "an executor that was lost and retired at once was still taken for known to be well"),
        (8026, "a START sent again and again waited behind itself until the task's end was long forgotten"),
    ]
}
