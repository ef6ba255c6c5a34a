import ApusEngine
import ApusModel
import HashTreeCollections

/// Tasks, and what is asked of them (contract §1.3).
extension Handling {
    func validateTask() throws(APIRefusal) -> APIAnswer {
        try validate(Workload.task)
        return .success(nil)
    }

    /// Drove answers a creation with the long name of the task, and a kill with the short one.
    func operateTask() async throws(APIRefusal) -> APIAnswer {
        let operation: TaskOperation
        switch TaskOperation.validated(try call.json()) {
        case .success(let valid): operation = valid
        case .failure(let refusal): throw .spec(refusal)
        }
        let named =
            switch operation {
            case .create: operation.task.runID
            case .kill: operation.task.name
            }
        return await change(.task(operation), accepted: .success(.members(["taskId": .string(named)])))
    }

    /// Those in one of Drove's active states, the oldest first.
    func tasks() -> APIAnswer {
        .success(.array(activeTasks.sorted { $0.age < $1.age }.map(\.json)))
    }

    func task() throws(APIRefusal) -> APIAnswer {
        guard let run = state.tasks[named] else { throw .notFound("No such task instance \(named)") }
        return .success(TaskView(run, in: state).json)
    }

    func forgetTask() async -> APIAnswer {
        await change(.forget(named), accepted: .success(["deleted": true])) { texts in
            .failed(200, texts.joined(separator: "; "), data: ["deleted": false])
        }
    }

    /// From the form of a page to the page of a task.
    func searchTask() throws(APIRefusal) -> APIAnswer {
        let form = call.form
        var violations: [String] = []
        func field(_ name: String) -> String {
            let text = form.last { $0.name == name }?.value ?? ""
            if text.isEmpty { violations.append("form field \(name) must not be empty") }
            let isPlain = text.utf8.allSatisfy { byte in
                Character(Unicode.Scalar(byte)).isASCIIAlphanumeric || byte == UInt8(ascii: "-")
                    || byte == UInt8(ascii: "_")
            }
            if !isPlain { violations.append(#"form field \#(name) must match "[a-zA-Z\d\-_]*""#) }
            return text
        }
        let task = TaskID(source: field("taskSearchAppName"), name: field("taskSearchTaskID"))
        guard violations.isEmpty else { throw .spec(.violations(violations)) }
        let page = state.tasks[task] == nil ? "/" : "/tasks/\(task)"
        return APIAnswer(status: 303, location: page)
    }

    /// In any order.
    var activeTasks: [TaskView] {
        state.tasks.values.lazy.filter { $0.end == nil }.map { TaskView($0, in: state) }.filter(\.isActive)
    }

    private var named: TaskID { TaskID(source: parameter(0), name: parameter(1)) }
}

extension Character {
    fileprivate var isASCIIAlphanumeric: Bool { isASCII && (isLetter || isNumber) }
}
