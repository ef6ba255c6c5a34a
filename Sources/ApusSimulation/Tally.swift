/// How often each row met each column.
package struct Tally<Row, Column>: Sendable, Equatable
where
    Row: CaseIterable & Hashable & Sendable,
    Row.AllCases: Sendable,
    Column: CaseIterable & Hashable & Sendable,
    Column.AllCases: Sendable
{
    package struct Cell: Hashable, Sendable {
        package let row: Row
        package let column: Column
    }

    private var counts: [Cell: Int] = [:]

    package init() {}

    package subscript(row: Row, column: Column) -> Int { counts[Cell(row: row, column: column)] ?? 0 }

    mutating func count(_ row: Row, _ column: Column) { counts[Cell(row: row, column: column), default: 0] += 1 }

    package static func += (left: inout Self, right: Self) { left.counts.merge(right.counts, uniquingKeysWith: +) }

    /// Those that met at least once, in the order of the rows and columns.
    package var met: [Cell] { Self.cells.filter { counts[$0] != nil } }

    /// Those that never met.
    var unmet: [Cell] { Self.cells.filter { counts[$0] == nil } }

    private static var cells: [Cell] {
        Row.allCases.flatMap { row in Column.allCases.map { Cell(row: row, column: $0) } }
    }

    /// One line a row, under a line of headings; a cell that cannot be shows as a dash.
    func text(_ heading: (Column) -> String, isImpossible: (Cell) -> Bool) -> String {
        let first = Row.allCases.map { "\($0)".count }.max() ?? 0
        let columns = Column.allCases.map { (column: $0, heading: heading($0)) }
        func line(_ name: String, _ cells: [String]) -> String {
            zip(columns, cells).reduce(name + String(repeating: " ", count: first - name.count)) { line, next in
                let width = max(6, next.0.heading.count) + 1
                return line + String(repeating: " ", count: max(1, width - next.1.count)) + next.1
            }
        }
        let rows = Row.allCases.map { row in
            line(
                "\(row)",
                columns.map { column in
                    let cell = Cell(row: row, column: column.column)
                    return counts[cell].map { "\($0)" } ?? (isImpossible(cell) ? "-" : "0")
                }
            )
        }
        return ([line("", columns.map(\.heading))] + rows).joined(separator: "\n")
    }
}
