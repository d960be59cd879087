;; Finds what ends or breaks the plain run of a JSON string: a quote, a backslash, or a control character
;; (RFC 8259, section 7), sixteen bytes at a time. Compiled into json-scan.ts; a unit test compares the two.
(module
  ;; Two pages: 64 KiB of text, and room to read past its end.
  (memory (export "memory") 2)
  ;; The first such byte at or after $at; what is found at or after $end is not part of the text.
  (func (export "scan") (param $at i32) (param $end i32) (result i32)
    (local $bytes v128)
    (local $hits i32)
    (loop $next
      (if (i32.ge_u (local.get $at) (local.get $end)) (then (return (local.get $end))))
      (local.set $bytes (v128.load (local.get $at)))
      (local.set $hits
        (i8x16.bitmask
          (v128.or
            (v128.or
              (i8x16.eq (local.get $bytes) (i8x16.splat (i32.const 0x22)))
              (i8x16.eq (local.get $bytes) (i8x16.splat (i32.const 0x5c))))
            (i8x16.lt_u (local.get $bytes) (i8x16.splat (i32.const 0x20))))))
      (if (local.get $hits)
        (then (return (i32.add (local.get $at) (i32.ctz (local.get $hits))))))
      (local.set $at (i32.add (local.get $at) (i32.const 16)))
      (br $next))
    (unreachable)))
