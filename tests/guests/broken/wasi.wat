;; A component that imports a part of WASI that this host does not have.
(component
  (import "wasi:http/outgoing-handler@0.2.0" (instance $outgoing
    (export "handle" (func (result (list string)))))))
