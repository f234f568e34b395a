class_name MeshForge
extends RefCounted
## Builds meshes out of flat faces. The colour of a face is its material, which the shader interprets.

## Transform of the next faces. It may mirror.
var place := Transform3D.IDENTITY

var _tool := SurfaceTool.new()


func _init() -> void:
	_tool.begin(Mesh.PRIMITIVE_TRIANGLES)
	_tool.set_smooth_group(-1)


## Adds a flat, convex face. Its corners are clockwise as seen from the front.
func face(corners: PackedVector3Array, material: Color) -> void:
	var is_mirrored := place.basis.determinant() < 0.0
	_tool.set_color(material)
	for i in range(1, corners.size() - 1):
		_tool.add_vertex(place * corners[0])
		_tool.add_vertex(place * corners[i + 1 if is_mirrored else i])
		_tool.add_vertex(place * corners[i if is_mirrored else i + 1])


## Adds a box around [param centre].
func box(centre: Vector3, size: Vector3, material: Color) -> void:
	var half := size / 2.0
	var front: PackedVector3Array = []
	for corner: Vector2 in [Vector2(-1, -1), Vector2(-1, 1), Vector2(1, 1), Vector2(1, -1)]:
		front.append(centre + half * Vector3(corner.x, corner.y, 1.0))
	var back := Transform3D(Basis.IDENTITY, Vector3(0.0, 0.0, -size.z)) * front
	loft([front, back], material, material)


## Adds a surface over rings with equal numbers of corners. The corners are clockwise as seen from outside the first ring.
## Both ends are closed with the material [param ends].
func loft(rings: Array[PackedVector3Array], material: Color, ends: Color) -> void:
	for i in rings.size() - 1:
		var a := rings[i]
		var b := rings[i + 1]
		for k in a.size():
			var next := (k + 1) % a.size()
			face([a[k], b[k], b[next], a[next]], material)
	face(rings[0], ends)
	var last := rings[-1].duplicate()
	last.reverse()
	face(last, ends)


## Returns a ring of [param count] corners around the Z axis, clockwise when looking along -Z.
static func ring(centre: Vector3, radii: Vector2, count: int) -> PackedVector3Array:
	var corners: PackedVector3Array = []
	for i in count:
		var at := Vector2.from_angle(-TAU * (i + 0.5) / count) * radii
		corners.append(centre + Vector3(at.x, at.y, 0.0))
	return corners


## Returns the mesh.
func mesh() -> ArrayMesh:
	_tool.generate_normals()
	return _tool.commit()
