class_name ShipHull
extends RefCounted
## The mesh of every ship. It looks along -Z, is about five units long, and is centred at its origin.
##
## The colours are materials, as [code]hull.gdshader[/code] reads them: red is paint, green glows, blue is glass.

const METAL := Color(0.0, 0.0, 0.0)
const PAINT := Color(1.0, 0.0, 0.0)
const SHADE := Color(0.45, 0.0, 0.0)
const TRIM := Color(1.0, 1.0, 0.0)
const GLASS := Color(0.0, 0.0, 1.0)
const JET := Color(0.0, 1.0, 0.0)

## Positions of the flames.
const NOZZLES: Array[Vector3] = [Vector3(-0.98, 0.02, 2.25), Vector3(0.98, 0.02, 2.25)]
## From bow to stern: z, half width, half height, height of the middle.
const BODY: Array[Vector4] = [
	Vector4(-2.9, 0.10, 0.05, -0.06),
	Vector4(-2.2, 0.34, 0.17, -0.04),
	Vector4(-1.1, 0.56, 0.34, 0.00),
	Vector4(0.4, 0.66, 0.44, 0.04),
	Vector4(1.5, 0.52, 0.38, 0.06),
	Vector4(2.0, 0.36, 0.26, 0.06),
]
const COCKPIT: Array[Vector4] = [
	Vector4(-1.75, 0.10, 0.03, 0.20),
	Vector4(-1.15, 0.30, 0.20, 0.30),
	Vector4(-0.45, 0.36, 0.25, 0.38),
	Vector4(0.55, 0.22, 0.14, 0.42),
]
const ENGINE: Array[Vector4] = [
	Vector4(-0.25, 0.20, 0.18, 0.02),
	Vector4(0.35, 0.34, 0.32, 0.02),
	Vector4(1.70, 0.34, 0.32, 0.02),
	Vector4(2.25, 0.24, 0.23, 0.02),
]

## Length and half width of a flame at full power.
const FLAME := Vector2(4.2, 0.26)

static var _mesh: ArrayMesh
static var _flames: ArrayMesh


## Returns the mesh, which is made once.
static func mesh() -> ArrayMesh:
	if _mesh == null:
		_mesh = _build()
	return _mesh


## Returns a cone behind each engine.
static func flames() -> ArrayMesh:
	if _flames == null:
		var cone := CylinderMesh.new()
		cone.top_radius = 0.0
		cone.bottom_radius = FLAME.y
		cone.height = FLAME.x
		cone.radial_segments = 10
		cone.rings = 3
		cone.cap_bottom = false
		var tool := SurfaceTool.new()
		for nozzle in NOZZLES:
			tool.append_from(cone, 0, Transform3D(Basis(Vector3.RIGHT, PI / 2.0), nozzle + Vector3(0.0, 0.0, FLAME.x / 2.0)))
		_flames = tool.commit()
	return _flames


static func _build() -> ArrayMesh:
	var forge := MeshForge.new()
	forge.loft(_rings(BODY, 0.0, 8), PAINT, METAL)
	forge.loft(_rings(COCKPIT, 0.0, 8), GLASS, GLASS)
	for side: float in [-1.0, 1.0]:
		forge.place.basis = Basis.from_scale(Vector3(side, 1.0, 1.0))
		forge.loft(_rings(ENGINE, 0.98, 8), SHADE, JET)
		_wing(forge)
	return forge.mesh()


## Adds a wing that is swept back, with a fin at its tip and a line of light along its edge.
static func _wing(forge: MeshForge) -> void:
	var root := _plate(Vector3(0.5, 0.06, -0.9), Vector3(0.5, 0.06, 1.5), 0.14)
	var elbow := _plate(Vector3(1.3, 0.0, 0.15), Vector3(1.3, 0.0, 1.7), 0.11)
	var tip := _plate(Vector3(2.45, -0.16, 1.25), Vector3(2.45, -0.16, 2.2), 0.05)
	forge.loft([root, elbow, tip], PAINT, METAL)
	var fin_foot := _plate(Vector3(2.42, -0.3, 1.1), Vector3(2.42, -0.3, 2.3), 0.07, Vector3.RIGHT)
	var fin_top := _plate(Vector3(2.68, 0.62, 1.95), Vector3(2.68, 0.62, 2.5), 0.04, Vector3.RIGHT)
	forge.loft([fin_top, fin_foot], SHADE, TRIM)
	var bow := _plate(Vector3(1.36, 0.01, 0.10), Vector3(1.36, 0.01, 0.24), 0.14)
	forge.loft([bow, _plate(Vector3(2.45, -0.15, 1.16), Vector3(2.45, -0.15, 1.28), 0.09)], TRIM, TRIM)


static func _rings(table: Array[Vector4], x: float, count: int) -> Array[PackedVector3Array]:
	var rings: Array[PackedVector3Array] = []
	for row in table:
		rings.append(MeshForge.ring(Vector3(x, row.w, row.x), Vector2(row.y, row.z), count))
	rings.reverse()
	return rings


## Returns a thin plate from [param from] to [param to], as a ring of four corners for [method MeshForge.loft].
static func _plate(from: Vector3, to: Vector3, thick: float, up := Vector3.UP) -> PackedVector3Array:
	var lift := up * thick / 2.0
	return [from - lift, from + lift, to + lift, to - lift]
